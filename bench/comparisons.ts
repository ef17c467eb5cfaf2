/** What `make bench` compares: who does which work, and in what they are told apart. */
import { type Contestant, capturing, logging, writing } from './contestants.js';
import { type Lane, reportCapture, reportLog, reportWriter } from './report.js';
import { trials } from './trials.js';
import { type Workload, workloads } from './workloads.js';

export interface Comparison {
  name: string;
  contestants: Contestant[];
  workloads: Workload[];
  /**
   * A round is that many slices of each contestant, in turn, taken together. Where contestants differ in how much they write to the WAL, a round has
   * several WAL checkpoints of each: the median of shorter ones would have none of anybody's.
   */
  slicesPerRound: number;
  rounds: number;
  /** Slices of each that are not measured, before the first round. */
  warmUpSlices: number;
  report(workload: Workload, lanes: Lane[]): void;
}

const { bulkInsert, updateByKey, updateAll, smallTransactions, autocommit } = workloads;

export const comparisons: Comparison[] = [
  {
    name: 'capture',
    contestants: capturing,
    workloads: [bulkInsert, updateByKey, updateAll, autocommit],
    slicesPerRound: 1,
    rounds: 40,
    warmUpSlices: 6,
    report: reportCapture,
  },
  {
    name: 'log',
    contestants: Object.values(logging),
    workloads: [bulkInsert, smallTransactions, updateByKey, updateAll, autocommit],
    slicesPerRound: 30,
    rounds: 9,
    warmUpSlices: 6,
    report: reportLog,
  },
  {
    name: 'writer',
    contestants: Object.values(writing),
    workloads: trials,
    slicesPerRound: 1,
    rounds: 100,
    warmUpSlices: 40,
    report: reportWriter,
  },
];
