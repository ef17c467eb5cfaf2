import type { ProgressStore } from '../delivery/progress.js';
import { FileCheckpoints, type FileCheckpointsConfig } from './file-checkpoints.js';
import { MemoryCheckpoints } from './memory-checkpoints.js';

export interface CheckpointsConfig extends FileCheckpointsConfig {
  /** In-memory or temporary: no other connection can open it. */
  isMemory: boolean;
}

/** To be opened with the source, before its first reader: LSNs are raised above those of earlier lives here. */
export function openCheckpoints(config: CheckpointsConfig): ProgressStore {
  return config.isMemory ? new MemoryCheckpoints(config.hub, config.hubKey) : new FileCheckpoints(config);
}
