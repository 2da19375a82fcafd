/** Opens a damaged log, and is killed in the middle of mending it. Arguments: the log, and where (`place 50`). */
import { dirname, join } from 'node:path';
import { openSafely } from '#main/log/open-safely.ts';
import { realClock } from '#main/app/real-clock.ts';

const [file = '', place = ''] = process.argv.slice(2);

openSafely({
  file,
  backups: join(dirname(file), 'backups'),
  clock: realClock,
  warn: () => undefined,
  progress: (step, done) => {
    if (`${step} ${done}` === place) process.kill(process.pid, 'SIGKILL');
  },
});
