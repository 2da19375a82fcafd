/** npm `usb` tells kinds of failure in words only: nusb's for transfers, the system's for opening. */
import { FlashlineError } from '#shared/model/failure.ts';

/** A transfer that ran out of time is cancelled. */
export function isTimeout(cause: unknown): boolean {
  return /cancelled/iu.test(textOf(cause));
}

export function isStall(cause: unknown): boolean {
  return /stall/iu.test(textOf(cause));
}

/** errno and ERROR_* values as the system words them, and nusb's own words. */
export function openFailure(cause: unknown, url: string): FlashlineError {
  const text = textOf(cause);
  if (/permission denied|access is denied|operation not permitted/iu.test(text))
    return new FlashlineError('probe-permission', { params: { url }, cause });
  if (/busy|in use/iu.test(text)) return new FlashlineError('probe-busy', { params: { url }, cause });
  // Windows: the interface has no WinUSB driver yet.
  if (/driver|not supported|unsupported/iu.test(text))
    return new FlashlineError('probe-permission', { params: { url }, cause });
  return new FlashlineError('probe-not-found', { params: { url }, cause });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
