/**
 * What `require('rowtap')` gives: the class `Database` itself, with every export as a property, as better-sqlite3 does. It loads the ES module, so
 * that there is one of everything, whoever imports and requires.
 */
import type * as rowtap from './index.js' with { 'resolution-mode': 'import' };

type Exported = typeof rowtap;

const exported = require('./index.js') as Exported;

const Database: Exported['Database'] & Exported = Object.assign(exported.Database, exported);

type Database = rowtap.Database;

/** The types of index.ts; TypeScript has no shorter way to say it that stays a declaration of types alone. */
declare namespace Database {
  export type AggregateOptions<Total = unknown> = rowtap.AggregateOptions<Total>;
  export type AnyTables = rowtap.AnyTables;
  export type BackupOptions = rowtap.BackupOptions;
  export type BackupProgress = rowtap.BackupProgress;
  export type BootstrapEvent = rowtap.BootstrapEvent;
  export type Catchup<Row> = rowtap.Catchup<Row>;
  export type CatchupConfig = rowtap.CatchupConfig;
  export type Change<Tables = AnyTables> = rowtap.Change<Tables>;
  export type ColumnDefinition = rowtap.ColumnDefinition;
  export type ConsumeHandler = rowtap.ConsumeHandler;
  export type ConsumeOptions = rowtap.ConsumeOptions;
  export type ConsumerInfo = rowtap.ConsumerInfo;
  export type Database = rowtap.Database;
  export type DatabaseOptions = rowtap.DatabaseOptions;
  export type FunctionOptions = rowtap.FunctionOptions;
  export type GapEvent = rowtap.GapEvent;
  export type GapReason = rowtap.GapReason;
  export type IntegerMode = rowtap.IntegerMode;
  export type Options = rowtap.Database.Options;
  export type Position = rowtap.Position;
  export type Positioned = rowtap.Positioned;
  export type Replica = rowtap.Replica;
  export type Retention = rowtap.Retention;
  export type RowChange<Tables = AnyTables> = rowtap.RowChange<Tables>;
  export type RowOp = rowtap.RowOp;
  export type RowtapError = rowtap.RowtapError;
  export type RunResult = rowtap.RunResult;
  export type SchemaColumn = rowtap.SchemaColumn;
  export type SchemaEvent = rowtap.SchemaEvent;
  export type SerializeOptions = rowtap.SerializeOptions;
  export type Signal = rowtap.Signal;
  export type SnapshotMode = rowtap.SnapshotMode;
  export type SnapshotProgress = rowtap.SnapshotProgress;
  export type Source = rowtap.Source;
  export type SourceInfo = rowtap.SourceInfo;
  export type SourceOptions = rowtap.SourceOptions;
  export type SqliteError = rowtap.SqliteError;
  export type SqlValue = rowtap.SqlValue;
  export type Statement<BindParameters extends unknown[] | {} = unknown[], Result = unknown> = rowtap.Database.Statement<
    BindParameters,
    Result
  >;
  export type SubscribeOptions = rowtap.SubscribeOptions;
  export type Subscription<Tables = AnyTables> = rowtap.Subscription<Tables>;
  export type SubscriptionInfo = rowtap.SubscriptionInfo;
  export type TableDefinition = rowtap.TableDefinition;
  export type TableFactory = rowtap.TableFactory;
  export type TableFactoryContext = rowtap.TableFactoryContext;
  export type Transaction<Tables = AnyTables> = rowtap.Transaction<Tables>;
  export type TriggerConnection = rowtap.TriggerConnection;
  export type TriggerOptions = rowtap.TriggerOptions;
  export type TriggerStatement = rowtap.TriggerStatement;
  export type TriggerStatus = rowtap.TriggerStatus;
}

// @ts-expect-error -- erasableSyntaxOnly knows no way to say what a CommonJS module is
export = Database;
