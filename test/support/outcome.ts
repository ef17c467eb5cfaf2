/** What a call gave, as text: its value, or the error's class, code and message. */
export function outcomeOf(act: () => unknown): string {
  try {
    return JSON.stringify(act(), textOf) ?? 'undefined';
  } catch (error) {
    const { name, code, message } = error as { name: string; code?: string; message: string };
    return `${name} ${code ?? ''}: ${message}`;
  }
}

/** What JSON would refuse, or show as something else. */
function textOf(this: unknown, key: string, value: unknown): unknown {
  const given = (this as Record<string, unknown>)[key];
  if (typeof value === 'bigint') return `${value}n`;
  if (Buffer.isBuffer(given)) return `x'${given.toString('hex')}'`;
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return `number ${Object.is(value, -0) ? '-0' : value}`;
  return value;
}
