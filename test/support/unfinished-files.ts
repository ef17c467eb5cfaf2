import type { Reporter, TestModule } from 'vitest/node';

/**
 * Names at the end of a run the files that did not end, and their tests that have no result: those of a worker process that has died, of which the
 * runner itself says only that one has. A worker reports in portions, so the test that killed it is one of those named, or was the last before them.
 */
export class UnfinishedFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      if (module.state() !== 'pending' && module.state() !== 'queued') continue;
      const tests = [...module.children.allTests()];
      const unfinished = tests.filter((test) => test.result().state === 'pending').map((test) => `\n    ${test.fullName}`);
      process.stderr.write(
        `did not end: ${module.relativeModuleId}, ${unfinished.length} of ${tests.length} tests${unfinished.join('')}\n`,
      );
    }
  }
}
