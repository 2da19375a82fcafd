import { createBench } from '../../bench/bench.ts';
import type { ProbeName } from '../../bench/probe-profile.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { Interface } from '#shared/model/recipe.ts';
import { hasInterface } from '#shared/model/chip.ts';
import { chipsOf } from '../compose-chips.ts';
import { benchOptions } from '../connect/bench-way.ts';
import { ADAPTERS, type AdapterName, type Offer, placeOf } from '../offers/offer.ts';
import { offer } from '../offers/offers.ts';
import { untilAborted } from '../until-aborted.ts';
import { chipSources, type CliContext, type CommonOptions } from './command.ts';

export interface ServeOptions extends CommonOptions {
  readonly chip: string;
  readonly as: string;
  readonly serial: string;
  readonly probe: ProbeName | AdapterName;
  readonly count: string;
  readonly interface?: Interface;
  readonly haste: string;
}

/** Offers the device until the context's signal aborts. Throws `usage` and `chip-unknown`. */
export async function benchServe(options: ServeOptions, context: CliContext): Promise<void> {
  const { chip, serial, count } = options;
  const probe = isAdapter(options.probe)
    ? { probe: 'high-speed' as const, adapter: options.probe }
    : { probe: options.probe };
  const place = placeOf(options.as);
  const haste = hasteOf(options.haste);
  const benchMade = benchOptions(null);
  const bench = createBench(benchMade);
  const described = (await chipsOf(chipSources(context))).find(chip);
  // What is only on the bench (a CPLD) is reached by its debug port.
  const via = options.interface ?? Interface.options.find((one) => described && hasInterface(described, one)) ?? 'swd';
  const tell = (event: object, text: string) => context.print(options.json ? JSON.stringify(event) : text);
  const made = await opened(options.as, () =>
    offer({ bench, options: benchMade, chip, described, via, serial, ...probe, count, haste, tell }, place),
  );
  if (options.json) {
    const { port, url, busids } = made;
    context.print(JSON.stringify({ type: 'bench.serving', chip, url, port, busids }));
  } else {
    context.print(`A simulated ${chip} is at ${made.url}`);
    for (const hint of made.hints) context.print(`  ${hint}`);
    context.print('Ctrl+C stops it.');
  }
  await untilAborted(context.signal);
  await made.close();
}

function hasteOf(text: string): number {
  const haste = /^\d{1,6}$/u.test(text) ? Number(text) : 0;
  if (haste >= 1) return haste;
  throw new FlashlineError('usage', { params: { detail: `--haste is a whole number from 1 on, not ${text}` } });
}

async function opened(as: string, open: () => Promise<Offer>): Promise<Offer> {
  try {
    return await open();
  } catch (cause) {
    if (cause instanceof FlashlineError) throw cause;
    throw new FlashlineError('usage', { params: { detail: `${as} cannot be had; choose another` }, cause });
  }
}

function isAdapter(probe: ServeOptions['probe']): probe is AdapterName {
  return ADAPTERS.some((name) => name === probe);
}
