import type { AnswerOf, PlantRole, RequestOf } from '#shared/contract/plant/endpoint.ts';
import type { PlantCall, PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { FlashlineError } from '#shared/model/failure.ts';

export interface StationCaller {
  readonly kind: 'station';
  readonly name: string;
}

export interface PersonCaller {
  readonly kind: 'person';
  readonly name: string;
  readonly roles: readonly PlantRole[];
  /** What a buyer may see; empty for everything. */
  readonly products: readonly string[];
}

/** Who asks, proven before a handler is called; an endpoint's `access` was held against it already. */
export type Caller = { readonly kind: 'nobody' } | StationCaller | PersonCaller;

export interface CallContext {
  readonly caller: Caller;
  readonly now: Date;
}

/** One function a call; the types come from the contract. What they throw goes out as a PlantRefusal. */
export type Handlers<C extends PlantCall> = {
  readonly [K in C]: (
    request: RequestOf<PlantEndpoints[K]>,
    context: CallContext,
  ) => Promise<AnswerOf<PlantEndpoints[K]>>;
};

/** The station that asks; an endpoint with another access is no place for this. */
export function stationOf({ caller }: CallContext): StationCaller {
  if (caller.kind === 'station') return caller;
  throw new FlashlineError('internal', { cause: 'a call for stations was let through for somebody else' });
}

export function personOf({ caller }: CallContext): PersonCaller {
  if (caller.kind === 'person') return caller;
  throw new FlashlineError('signed-out');
}

/**
 * The only products that a person may see; null for all. A buyer without products sees nothing, and whoever has products
 * named sees no others, whatever his roles. With `product`, that one alone, where he may see it.
 */
export function scopeOf(context: CallContext, product?: string): readonly string[] | null {
  const person = personOf(context);
  const scope = person.products.length > 0 || person.roles.includes('buyer') ? person.products : null;
  if (product === undefined) return scope;
  return scope === null || scope.includes(product) ? [product] : [];
}
