import type { IntegerMode } from '../model/value.js';
import type { TableDescription } from '../schema/description.js';
import { generateReader } from './generated-reader.js';
import { interpretingReader } from './interpreting-reader.js';
import type { TableReader } from './table-reader.js';

/** Beyond it a generated function would be too long for V8 to optimise, and it takes long to compile. */
const maxGeneratedColumns = 200;

let canGenerate: boolean | undefined;

/** Whether this process may make functions from strings (`--disallow-code-generation-from-strings` and some embedders forbid it). */
export function canGenerateCode(): boolean {
  if (canGenerate === undefined) {
    try {
      // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
      new Function('return 0');
      canGenerate = true;
    } catch {
      canGenerate = false;
    }
  }
  return canGenerate;
}

export function makeTableReader(table: TableDescription, integers: IntegerMode): TableReader {
  const isGenerated = table.columns.length <= maxGeneratedColumns && canGenerateCode();
  return isGenerated ? generateReader(table, integers) : interpretingReader(table, integers);
}
