import { Instant, Label, Name } from '#shared/contract/plant/common.ts';
import type { KeyPolicy, PolicyChange, SigningKey } from '#shared/contract/plant/signing-api.ts';

/** As it is typed; an empty field is no limit. */
export interface KeyForm {
  /** Separated by commas, as stations are. */
  readonly products: string;
  readonly stations: string;
  readonly perMinute: string;
  readonly quantity: string;
  /** YYYY-MM-DD: to the end of that day, UTC. */
  readonly until: string;
}

const END_OF_DAY = 'T23:59:59.999Z';

export function keyForm({ products, stations, perMinute, quantity, until }: KeyPolicy): KeyForm {
  return {
    products: (products ?? []).join(', '),
    stations: (stations ?? []).join(', '),
    perMinute: perMinute === null ? '' : String(perMinute),
    quantity: quantity === null ? '' : String(quantity),
    until: until === null ? '' : until.slice(0, 10),
  };
}

/** What the form makes of `was`; null while something in it cannot be meant. A day that was not touched keeps its hour. */
export function policyGiven(form: KeyForm, was: KeyPolicy): PolicyChange | null {
  const products = named(form.products, (name) => Label.safeParse(name).success);
  const stations = named(form.stations, (name) => Name.safeParse(name).success);
  const perMinute = limit(form.perMinute, 1_000_000);
  const quantity = limit(form.quantity, 1_000_000_000);
  const until = form.until === keyForm(was).until ? was.until : lastInstant(form.until);
  if (products === undefined || stations === undefined) return null;
  if (perMinute === undefined || quantity === undefined || until === undefined) return null;
  return { products, stations, perMinute, quantity, until };
}

/** Null for no limit, undefined for what is none. */
function named(text: string, isName: (name: string) => boolean): string[] | null | undefined {
  const names = text.split(',').flatMap((name) => name.trim() || []);
  if (names.length === 0) return null;
  return names.every(isName) ? names : undefined;
}

function limit(text: string, most: number): number | null | undefined {
  if (text.trim() === '') return null;
  const value = Number(text);
  return Number.isInteger(value) && value >= 1 && value <= most ? value : undefined;
}

function lastInstant(day: string): string | null | undefined {
  if (day === '') return null;
  const instant = `${day}${END_OF_DAY}`;
  return Instant.safeParse(instant).success ? instant : undefined;
}

export type KeyState = 'on' | 'off' | 'ended' | 'used-up';

/** Whether a key signs, and what keeps it from it first. */
export function keyState({ policy, signed }: SigningKey, now: number): KeyState {
  if (!policy.enabled) return 'off';
  if (policy.until !== null && Date.parse(policy.until) <= now) return 'ended';
  return policy.quantity !== null && signed >= policy.quantity ? 'used-up' : 'on';
}
