import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LeaseOwner, OwnerFate } from './lease.js';

/** A new owner of leases, in this process. */
export function newOwner(): LeaseOwner {
  return { host: hostname(), pid: process.pid, started: look(process.pid)?.started ?? '', token: randomUUID() };
}

/** Of another host nothing can be known. */
export function fateOf({ host, pid, started }: LeaseOwner): OwnerFate {
  if (host !== hostname()) return 'unknown';
  const seen = look(pid);
  const isSame = seen === undefined || started === '' || seen.started === started;
  if (pid === process.pid) return isSame ? 'here' : 'gone';
  return isSame && seen?.hasEnded !== true && isThere(pid) ? 'unknown' : 'gone';
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * When a process was started, in ticks since the machine was, and whether nothing is left of it but its exit code. Undefined where the system
 * does not say it in this way, which Linux does (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).
 */
function look(pid: number): { started: string; hasEnded: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const [state = '', ticks = ''] = [fields[0], fields[19]];
    return { started: `${boot} ${ticks}`, hasEnded: state === 'Z' || state === 'X' };
  } catch {
    return undefined;
  }
}
