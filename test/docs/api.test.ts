import { describe, expect, test } from 'vitest';
import { codeSpans, readDocument } from '../support/markdown.js';

const spans = codeSpans(readDocument('docs/reference/api.md')).join('\n');
const isNamed = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(spans);

/** The members of an interface, by its source. */
function membersOf(path: string, name: string): string[] {
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(readDocument(path))?.[1];
  return Array.from(body?.matchAll(/^ {2}(?:readonly )?(\w+)[?(<:]/gm) ?? [], ([, member]) => member ?? '');
}

describe('docs/reference/api.md', () => {
  test('has everything that the package exports', () => {
    const names = Array.from(readDocument('lib/index.ts').matchAll(/\{([^}]+)\}/g), ([, list]) => list ?? '')
      .flatMap((list) => list.split(','))
      .map((item) => item.replace(/^\s*type /, '').trim())
      .filter((item) => item !== '' && !item.includes(' as default'));
    expect(names).toContain('Replica');
    expect(names.filter((name) => !isNamed(name))).toEqual([]);
  });

  test.each([
    ['lib/writer/options.ts', 'DatabaseOptions'],
    ['lib/writer/function-options.ts', 'FunctionOptions'],
    ['lib/writer/aggregate.ts', 'AggregateOptions'],
    ['lib/writer/table.ts', 'TableDefinition'],
    ['lib/writer/table.ts', 'TableFactoryContext'],
    ['lib/model/options.ts', 'SourceOptions'],
    ['lib/model/options.ts', 'SubscribeOptions'],
    ['lib/model/source.ts', 'Source'],
    ['lib/model/source.ts', 'SourceInfo'],
    ['lib/model/source.ts', 'SubscriptionInfo'],
    ['lib/model/source.ts', 'ConsumerInfo'],
    ['lib/model/source.ts', 'Subscription'],
    ['lib/model/change.ts', 'Positioned'],
    ['lib/model/change.ts', 'RowChangeOf'],
    ['lib/model/change.ts', 'SchemaEvent'],
    ['lib/catchup/config.ts', 'CatchupConfig'],
  ])('has every member of %s: %s', (path, name) => {
    const members = membersOf(path, name);
    expect(members.length).toBeGreaterThan(2);
    expect(members.filter((member) => !isNamed(member))).toEqual([]);
  });

  test('has what ConsumeOptions adds to SubscribeOptions', () => {
    const members = membersOf('lib/model/options.ts', 'ConsumeOptions');
    expect(members).toEqual(['maxBatchSize', 'retry']);
    expect(members.filter((member) => !isNamed(member))).toEqual([]);
  });
});
