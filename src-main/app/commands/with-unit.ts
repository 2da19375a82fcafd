import type { IoContext } from '#shared/base/clock.ts';
import { chipBy, type ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Interface } from '#shared/model/recipe.ts';
import { bounded } from '../../station/bounded.ts';
import type { OpenedUnit } from '../../programmer/programmer.ts';
import { chipsOf } from '../compose-chips.ts';
import { connectorOf } from '../compose-connector.ts';
import { interfaceAt } from '../connect/ways.ts';
import { realClock } from '../compose-home.ts';
import { chipSources, type CliContext } from './command.ts';

const TEAR_DOWN_MS = 5000;

/** Service work on one chip: opens, works, and closes whatever happened. */
export async function withUnit<T>(
  { probe, interface: asked }: { readonly probe: string; readonly interface?: Interface },
  chip: ChipDescription,
  context: CliContext,
  work: (unit: OpenedUnit, io: IoContext) => Promise<T>,
): Promise<T> {
  const via = asked ?? interfaceAt(probe, chip);
  const connection = connectorOf({ pace: null })({ url: probe, chip: chipBy(chip, via), interface: via, serial: '' });
  const { clock } = connection;
  const io: IoContext = { clock, signal: context.signal };
  const unit = await connection.open(io);
  try {
    return await work(unit, io);
  } finally {
    await bounded((closing) => unit.close(closing), clock, realClock, TEAR_DOWN_MS);
  }
}

/** The chip by `--chip`, else by a bench probe's own name. */
export async function chipFor(
  options: { readonly chip?: string; readonly probe: string },
  context: CliContext,
): Promise<ChipDescription> {
  const [, onBench] = /^bench:([a-z0-9-]+)/u.exec(options.probe) ?? [];
  const id = options.chip ?? onBench;
  if (id !== undefined) return (await chipsOf(chipSources(context))).get(id);
  throw new FlashlineError('usage', { params: { detail: '--chip is missing, for example --chip nrf51822' } });
}
