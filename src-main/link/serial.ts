import { SerialPort } from 'serialport';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, withDeadline } from './deadline.ts';
import type { Link } from './link.ts';
import { StreamLink } from './stream-link.ts';

/** Bits per second where nobody asks for others; a USB CDC port carries bytes at its own pace whatever is set. */
const BAUD_RATE = 115_200;
const OPEN_MS = 3000;

/** Opens a serial port (8N1). Rejects with `probe-not-found`, `probe-permission`, `probe-silent`. */
export async function openSerial(
  address: { readonly path: string; readonly baudRate?: number },
  url: string,
  io: IoContext,
): Promise<Link> {
  io.signal.throwIfAborted();
  const port = new SerialPort({ path: address.path, baudRate: address.baudRate ?? BAUD_RATE, autoOpen: false });
  let failure: Error | null = null;
  try {
    const answered = await withDeadline(
      (done) => {
        port.open((error) => {
          failure = error;
          done();
        });
        return () => undefined;
      },
      OPEN_MS,
      io,
    );
    if (failure !== null) throw openFailure(failure, url);
    if (!answered) throw new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(OPEN_MS) } });
  } catch (error) {
    closeWhenOpen(port);
    throw error;
  }
  return new StreamLink(port, url, () => letGo(port));
}

/** The binding tells errno only in words (strerror); those words are all there is to go by. */
function openFailure(cause: Error, url: string): FlashlineError {
  const text = cause.message;
  if (/permission denied|operation not permitted|access (?:is )?denied/iu.test(text))
    return new FlashlineError('probe-permission', { params: { url }, cause });
  if (/cannot lock port|resource (?:temporarily unavailable|busy)|device or resource busy/iu.test(text))
    return new FlashlineError('probe-busy', { params: { url }, cause });
  return new FlashlineError('probe-not-found', { params: { url }, cause });
}

/** An abandoned open may still succeed later; the port must not stay locked then. */
function closeWhenOpen(port: SerialPort): void {
  port.on('error', () => undefined);
  if (port.isOpen) port.close(() => undefined);
  else port.once('open', () => port.close(() => undefined));
}

/** close() waits for no output; the callback's error says that the port is gone already, which is what was wanted. */
async function letGo(port: SerialPort): Promise<void> {
  if (!port.isOpen) return;
  await new Promise<void>((resolve) => port.close(() => resolve()));
}
