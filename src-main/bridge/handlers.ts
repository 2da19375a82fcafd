import type { Calls, ParamsOf, ProgressOf, ResultOf } from '#shared/contract/define.ts';

export interface CallContext<G> {
  /** Aborts when the caller cancels, or is lost and the call's `onDisconnect` says `cancel`. */
  readonly signal: AbortSignal;
  /** Tells the caller how far the call is. Thinned out for a client that cannot keep up. */
  readonly progress: (value: G) => void;
}

/** One function a call; the types come from the contract. What they throw crosses the bridge as a Failure. */
export type Handlers<C extends Calls> = {
  readonly [K in keyof C]: (params: ParamsOf<C[K]>, context: CallContext<ProgressOf<C[K]>>) => Promise<ResultOf<C[K]>>;
};
