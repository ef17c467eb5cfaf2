import type { ProgressStore } from '../delivery/progress.js';
import { FileCheckpoints, type FileCheckpointsConfig } from './file-checkpoints.js';
import { MemoryCheckpoints } from './memory-checkpoints.js';

export interface CheckpointsConfig extends FileCheckpointsConfig {
  /** In-memory or temporary: no other connection can open it. */
  isMemory: boolean;
}

export function openCheckpoints(config: CheckpointsConfig): ProgressStore {
  return config.isMemory ? new MemoryCheckpoints(config.hub) : new FileCheckpoints(config);
}
