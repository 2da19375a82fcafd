/** A process that delivers one station's records, fifty at a time, until it is killed: `plant-ingester.ts <database URL> <number>`. */
import { openDatabase } from '#plant/database/open-database.ts';
import { realClock } from '#main/app/real-clock.ts';
import { newSigner, PlantChain } from './plant-chain.ts';
import { suitePlant } from './plant-suites/suite-plant.ts';

const [url = '', line = ''] = process.argv.slice(2);
const database = await openDatabase({ url }, { clock: realClock });
const { ingest } = await suitePlant(database, () => Promise.resolve());
const chain = new PlantChain(`line-${line}`, await newSigner());
for (let unit = 0; unit < 2000; unit++) chain.add({ serial: `${line}-${unit}`, uid: `${line}:${unit}` });
process.stdout.write('ready\n');
const sender = { station: chain.station, publicKey: chain.signer.publicKey };
for (let first = 1; first <= 2000; first += 50)
  await ingest.take(sender, await chain.batch(first, first + 49), new Date('2026-11-03T00:00:00Z'));
await database.close();
