import type { ReadStream } from 'node:tty';
import { FlashlineError } from '#shared/model/failure.ts';

/** Longer than any secret that is typed. */
const MAX_LENGTH = 4096;

/**
 * Asks for a secret: at a terminal nothing of it is shown, else it is the first line of what is piped in. Throws `aborted`
 * on Ctrl+C and on the signal, `usage` where nothing comes.
 */
export function secretAsker(
  input: ReadStream | NodeJS.ReadStream,
  say: (text: string) => void,
  signal: AbortSignal,
): (prompt: string) => Promise<string> {
  return async (prompt) => {
    const hidden = input.isTTY;
    if (hidden) say(prompt);
    try {
      if (hidden) input.setRawMode(true);
      const text = await readLine(input, signal);
      if (text !== '') return text;
      throw new FlashlineError('usage', {
        params: { detail: `nothing was typed for “${prompt.replace(/[: ]+$/, '')}”` },
      });
    } finally {
      if (hidden) {
        input.setRawMode(false);
        say('\n');
      }
      input.pause();
    }
  };
}

function readLine(input: NodeJS.ReadStream, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = '';
    const done = (settle: () => void) => {
      input.off('data', take).off('end', end);
      signal.removeEventListener('abort', abort);
      settle();
    };
    const abort = () => done(() => reject(new FlashlineError('aborted', { cause: signal.reason })));
    const end = () => done(() => resolve(typed));
    const take = (chunk: string) => {
      for (const key of chunk) {
        if (key === '\u0003') return abort();
        if (key === '\r' || key === '\n' || key === '\u0004') return end();
        typed = key === '\u007F' || key === '\b' ? typed.slice(0, -1) : `${typed}${key}`;
        if (typed.length > MAX_LENGTH) return end();
      }
      return undefined;
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    input.setEncoding('utf8').on('data', take).once('end', end).resume();
    return undefined;
  });
}
