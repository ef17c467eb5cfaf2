/** The tables that are printed: ratios of times of one round, the median over the rounds; 1.00 is equal, more is slower. */
import { logging } from './contestants.js';

export interface SliceTimes {
  /** The writing calls alone. */
  writeMs: number;
  /** Until the last change had been delivered and read. */
  deliveredMs: number;
  changes: number;
}

export interface Lane {
  name: string;
  hasReader: boolean;
  /** Of each round the sum of its slices. */
  rounds: SliceTimes[];
  /** Of its database, when all was done. */
  usedBytes: number;
  /** All that it ever made, those that are not measured included. */
  changes: number;
}

type Time = 'writeMs' | 'deliveredMs';

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function ratio(lane: Lane, base: Lane, of: Time): string {
  return column(median(lane.rounds.map((times, round) => times[of] / (base.rounds[round]?.writeMs ?? Number.NaN))).toFixed(2));
}

function perSecond({ rounds }: Lane): string {
  const sum = (of: Time | 'changes'): number => rounds.reduce((total, times) => total + times[of], 0);
  return Math.round((sum('changes') / sum('deliveredMs')) * 1000).toLocaleString('en');
}

const label = (text: string): string => `  ${text.padEnd(48)}`;
const column = (text: string, width = 13): string => text.padStart(width);

export function reportCapture(workload: string, lanes: Lane[]): void {
  const [base] = lanes;
  if (base === undefined) return;
  console.log(`\n${workload}`);
  console.log(label('') + column('write') + column('delivered') + column('changes/s'));
  for (const lane of lanes) {
    console.log(
      label(lane.name) +
        ratio(lane, base, 'writeMs') +
        (lane.hasReader ? ratio(lane, base, 'deliveredMs') : column('')) +
        column(perSecond(lane)),
    );
  }
}

/**
 * `log` and its control are compared with `live`, the triggers with the writer that they are in. What is added is what one takes longer than the
 * other, in the same round; likewise the bytes that its database is larger by.
 */
export function reportLog(workload: string, lanes: Lane[]): void {
  const laneOf = (which: keyof typeof logging): Lane => {
    const lane = lanes.find(({ name }) => name === logging[which].name);
    if (lane === undefined) throw new Error(`Nobody was ${logging[which].name}`);
    return lane;
  };
  const [live, control, log, plain, triggers] = (['live', 'control', 'log', 'plain', 'triggers'] as const).map(laneOf) as [
    Lane,
    Lane,
    Lane,
    Lane,
    Lane,
  ];
  console.log(`\n${workload}, with a log`);
  console.log(
    label('') + column('write') + column('added µs') + column('added bytes') + column('changes/s') + '   (added: for each change)',
  );
  for (const [lane, base] of [
    [live, live],
    [control, live],
    [log, live],
    [plain, live],
    [triggers, plain],
  ] as const) {
    const isAdded = lane !== base && lane !== plain;
    console.log(
      label(lane.name) +
        ratio(lane, base, 'writeMs') +
        column(isAdded ? median(addedMicroseconds(lane, base)).toFixed(2) : '') +
        column(isAdded ? (lane.usedBytes / lane.changes - base.usedBytes / base.changes).toFixed(0) : '') +
        column(perSecond(lane)),
    );
  }
  const byTriggers = addedMicroseconds(triggers, plain);
  const times = median(addedMicroseconds(log, live).map((byLog, round) => (byTriggers[round] ?? Number.NaN) / byLog));
  console.log(`  the triggers add ${times.toFixed(1)} times as much time as the log does`);
}

function addedMicroseconds(lane: Lane, base: Lane): number[] {
  return lane.rounds.map(({ writeMs, changes }, round) => ((writeMs - (base.rounds[round]?.writeMs ?? Number.NaN)) / changes) * 1000);
}
