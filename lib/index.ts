export type { CatchupConfig } from './catchup/config.js';
export { RowtapError } from './errors/rowtap-error.js';
export { SqliteError } from './errors/sqlite-error.js';
export type {
  BootstrapEvent,
  Change,
  GapEvent,
  GapReason,
  Positioned,
  RowChange,
  SchemaColumn,
  SchemaEvent,
  Transaction,
} from './model/change.js';
export type {
  ConsumeOptions,
  Position,
  Retention,
  RowOp,
  SnapshotMode,
  SnapshotProgress,
  SourceOptions,
  SubscribeOptions,
} from './model/options.js';
export type { ConsumeHandler, ConsumerInfo, Source, SourceInfo, Subscription, SubscriptionInfo } from './model/source.js';
export type { Signal } from './model/signal.js';
export type { AnyTables, IntegerMode, SqlValue } from './model/value.js';
export { Replica } from './replica/replica.js';
export { Catchup, Database, Database as default, getSource, listSources, openSource } from './rowtap.js';
export { anySignal } from './signals/any-signal.js';
export { channelSignal } from './signals/channel-signal.js';
export { fileSignal } from './signals/file-signal.js';
export { timerSignal } from './signals/timer-signal.js';
export type { TriggerConnection, TriggerStatement } from './triggers/connection.js';
export { installTriggers, type TriggerOptions, type TriggerStatus, triggerStatus, uninstallTriggers } from './triggers/install.js';
export type { AggregateOptions } from './writer/aggregate.js';
export type { FunctionOptions } from './writer/function-options.js';
export type { BackupOptions, BackupProgress } from './writer/backup.js';
export type { DatabaseOptions, SerializeOptions } from './writer/options.js';
export type { ColumnDefinition, RunResult, Statement } from './writer/statement.js';
export type { TableDefinition, TableFactory, TableFactoryContext } from './writer/table.js';
