import type { z } from 'zod';

/**
 * How the bridge's calls are declared. A query changes nothing; a command does. Both may report progress and
 * be cancelled; `onDisconnect` says what happens to a call whose caller's connection is lost.
 */
export interface CallSpec<
  P extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
  G extends z.ZodType = z.ZodType,
> {
  readonly kind: 'query' | 'command';
  readonly params: P;
  readonly result: R;
  readonly progress?: G;
  readonly onDisconnect: 'cancel' | 'continue';
}

interface CallOptions<G extends z.ZodType> {
  readonly progress?: G;
  readonly onDisconnect?: 'cancel' | 'continue';
}

export function query<P extends z.ZodType, R extends z.ZodType, G extends z.ZodType = z.ZodNever>(
  params: P,
  result: R,
  options: Pick<CallOptions<G>, 'progress'> = {},
): CallSpec<P, R, G> {
  return { kind: 'query', params, result, onDisconnect: 'cancel', ...options };
}

export function command<P extends z.ZodType, R extends z.ZodType, G extends z.ZodType = z.ZodNever>(
  params: P,
  result: R,
  options: CallOptions<G> = {},
): CallSpec<P, R, G> {
  return { kind: 'command', params, result, onDisconnect: 'cancel', ...options };
}

export function event<S extends z.ZodType>(payload: S): { readonly payload: S } {
  return { payload };
}

export type Calls = Readonly<Record<string, CallSpec>>;
export type Events = Readonly<Record<string, { readonly payload: z.ZodType }>>;

export type ParamsOf<C extends CallSpec> = z.infer<C['params']>;
/** What a caller may leave out, defaults being filled in by the host. */
export type ArgumentsOf<C extends CallSpec> = z.input<C['params']>;
export type ResultOf<C extends CallSpec> = z.infer<C['result']>;
export type ProgressOf<C extends CallSpec> = C extends CallSpec<z.ZodType, z.ZodType, infer G> ? z.infer<G> : never;
