import type { SubscribeOptions } from '../model/options.js';
import type { Arguments } from './arguments.js';

/** Which tables are meant. */
export function tableOptions(given: Arguments): Pick<SubscribeOptions, 'tables' | 'excludeTables'> {
  const tables = given.list('table');
  const excludeTables = given.list('exclude-table');
  return { ...(tables && { tables }), ...(excludeTables && { excludeTables }) };
}
