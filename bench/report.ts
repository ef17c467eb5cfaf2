/** The tables that are printed: ratios of times of one round, the median over the rounds; 1.00 is equal, more is slower. */
import { logging, writing } from './contestants.js';
import type { Workload } from './workloads.js';

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
  /** What its log holds of one transaction; undefined where it keeps none. */
  entryBytes: number | undefined;
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

export function reportCapture(workload: Workload, lanes: Lane[]): void {
  const [base] = lanes;
  if (base === undefined) return;
  console.log(`\n${workload.name}`);
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
 * `log` and its control are compared with `live`, the triggers and the floor with the writer that they are in. What is added is what one takes longer than the
 * other, in the same round; likewise the bytes that its database is larger by.
 */
export function reportLog(workload: Workload, lanes: Lane[]): void {
  const laneOf = (which: keyof typeof logging): Lane => {
    const lane = lanes.find(({ name }) => name === logging[which].name);
    if (lane === undefined) throw new Error(`Nobody was ${logging[which].name}`);
    return lane;
  };
  const [live, control, log, plain] = [laneOf('live'), laneOf('control'), laneOf('log'), laneOf('plain')];
  const [triggers, framed, floor] = [laneOf('triggers'), laneOf('framed'), laneOf('floor')];
  console.log(`\n${workload.name}, with a log`);
  console.log(
    label('') + column('write') + column('added µs') + column('added bytes') + column('changes/s') + '   (added: for each change)',
  );
  for (const [lane, base] of [
    [live, live],
    [control, live],
    [log, live],
    [plain, live],
    [triggers, plain],
    [framed, live],
    [floor, framed],
  ] as const) {
    const isAdded = lane !== base && lane !== plain && lane !== framed;
    console.log(
      label(lane.name) +
        ratio(lane, base, 'writeMs') +
        column(isAdded ? median(addedMicroseconds(lane, base)).toFixed(2) : '') +
        column(isAdded ? (lane.usedBytes / lane.changes - base.usedBytes / base.changes).toFixed(0) : '') +
        column(perSecond(lane)),
    );
  }
  const byLog = addedMicroseconds(log, live);
  const times = (added: number[]): string => median(byLog.map((ours, round) => (added[round] ?? Number.NaN) / ours)).toFixed(1);
  console.log(`  the triggers add ${times(addedMicroseconds(triggers, plain))} times as much time as the log does`);
  const withFloor = live.rounds.map(({ writeMs }, round) => {
    const added = (floor.rounds[round]?.writeMs ?? Number.NaN) - (framed.rounds[round]?.writeMs ?? Number.NaN);
    return (writeMs + added) / writeMs;
  });
  console.log(
    `  the floor adds ${times(addedMicroseconds(floor, framed))} times as much: with it, live durability would take ${median(withFloor).toFixed(2)}`,
  );
  console.log(`  the floor's blob has ${workload.entryBytes} bytes, the newest entry of the log ${log.entryBytes}`);
}

function addedMicroseconds(lane: Lane, base: Lane): number[] {
  return lane.rounds.map(({ writeMs, changes }, round) => ((writeMs - (base.rounds[round]?.writeMs ?? Number.NaN)) / changes) * 1000);
}

let hasWriterHeading = false;

/** Here more is faster: how many times as much the writer does in a time as better-sqlite3 does. */
export function reportWriter(workload: Workload, lanes: Lane[]): void {
  const laneOf = (which: keyof typeof writing): Lane => {
    const lane = lanes.find(({ name }) => name === writing[which].name);
    if (lane === undefined) throw new Error(`Nobody was ${writing[which].name}`);
    return lane;
  };
  const [base, control, ours] = [laneOf('betterSqlite3'), laneOf('control'), laneOf('ours')];
  if (!hasWriterHeading) {
    hasWriterHeading = true;
    console.log(`\nThe writer, capture installed, no subscriber: times as fast as better-sqlite3; more is faster`);
    console.log(label('') + column('control') + column('rowtap') + column('µs a call'));
  }
  const each = (lane: Lane): number[] => lane.rounds.map(({ writeMs }) => writeMs);
  const [{ changes: calls } = { changes: 1 }] = ours.rounds;
  const speed = (lane: Lane): string =>
    column(median(each(base).map((writeMs, round) => writeMs / (each(lane)[round] ?? Number.NaN))).toFixed(2));
  console.log(label(workload.name) + speed(control) + speed(ours) + column(((median(each(ours)) / calls) * 1000).toFixed(2)));
}
