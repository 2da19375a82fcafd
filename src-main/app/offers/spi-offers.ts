import { SpiBench } from '../../bench/spi/spi-bench.ts';
import { serveSerprog } from '../../bench/spi/serprog-server.ts';
import { realClock } from '../compose-home.ts';
import { benchOptions } from '../connect/bench-way.ts';
import type { Offer, Wanted } from './offer.ts';

/** A NOR flash on a serprog adapter. */
export async function offerSerprog({ chip, serial }: Wanted, wanted: number): Promise<Offer> {
  const board = new SpiBench(benchOptions(null)).boardFor(chip, serial);
  const server = await serveSerprog({ board, port: wanted, realMs: () => realClock.monotonic() });
  const { port } = server;
  const hints = [`flashrom -p serprog:ip=127.0.0.1:${port}`];
  return { port, url: `spi:serprog:tcp:127.0.0.1:${port}`, hints, close: () => server.close() };
}
