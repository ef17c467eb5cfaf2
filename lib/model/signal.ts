/**
 * Says when it is worth looking whether something has been committed. `start` is called once; `wake` may be called too often, and from
 * anywhere but inside `start`; after `fail` it is not used any more. It keeps no process running, and says nothing after its disposal.
 */
export interface Signal extends AsyncDisposable {
  start(wake: () => void, fail: (error: Error) => void): void;
}
