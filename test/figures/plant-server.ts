/** A plant server as a process of its own: `plant-server.ts <database URL> <folder>`; says where it listens, ends with its input. */
import { z } from 'zod';
import { realClock } from '#main/app/real-clock.ts';
import { realRandom } from '#main/app/compose-home.ts';
import { startPlant } from '#plant/plant.ts';

const [database, folder] = z.tuple([z.string(), z.string()]).parse(process.argv.slice(2));
const plant = await startPlant({
  folder,
  database,
  host: '127.0.0.1',
  port: 0,
  name: 'Plant 1',
  version: '0.1.0',
  keyFile: null,
  tls: null,
  pages: null,
  clock: realClock,
  random: realRandom,
  describe: ({ code }) => ({ message: code, remedy: '' }),
  log: () => undefined,
  limits: { anonymous: 1_000_000, session: 1_000_000 },
});
process.stdout.write(`${JSON.stringify({ url: plant.url })}\n`);
process.stdin.resume();
process.stdin.once('end', () => {
  void plant.close();
});
