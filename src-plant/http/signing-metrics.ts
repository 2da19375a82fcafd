import { Counter, Gauge, type Registry } from 'prom-client';
import type { KeyStores } from '../signing/key-stores.ts';
import type { SigningCounts } from '../signing/signing-counts.ts';

/** How signing goes; how long it takes is in the seconds of the call `station.sign`. */
export function signingMetrics(
  registry: Registry,
  { stores, signingCounts }: { readonly stores: KeyStores; readonly signingCounts: SigningCounts },
): void {
  const registers = [registry];
  const ended = new Counter({
    name: 'flashline_signatures_total',
    help: 'Signatures asked for, by how that ended and where the key is',
    labelNames: ['end', 'store'] as const,
    registers,
    collect() {
      this.reset();
      for (const { end, store, count } of signingCounts.rows()) this.inc({ end, store }, count);
    },
  });
  ended.reset();
  const there = new Gauge({
    name: 'flashline_signing_store_up',
    help: '1 while keys of this store can be used, as far as its last use told; development keys prove nothing',
    labelNames: ['store'] as const,
    registers,
    collect() {
      for (const { kind, state } of Object.values(stores)) this.set({ store: kind }, state.is === 'there' ? 1 : 0);
    },
  });
  there.reset();
}
