import { ScanDecoder } from '../scan-decoder.ts';

/**
 * A scanner at a desk: whatever page is open, a scan asks for that serial. Unlike at a station people type here, into
 * fields of all kinds; so keys that come in a scanner's gaps are taken away only outside of fields, and a scan into a form
 * (the badge of a new user) belongs to the form. Returns what stops it.
 */
export function listenToDeskScanner(document: Document, scanned: (code: string) => void): () => void {
  const decoder = new ScanDecoder();
  const swallowed = new Set<string>();
  const down = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return;
    const decoded = decoder.press(event.key, event.timeStamp);
    const place = placeOf(event.target);
    const isBurst = decoded.kind === 'character' && decoded.burst && place === 'page';
    if (decoded.kind !== 'scan' && !isBurst) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    swallowed.add(event.key);
    if (decoded.kind === 'scan' && place !== 'form') scanned(decoded.code);
  };
  const up = (event: KeyboardEvent): void => {
    if (!swallowed.delete(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener('keydown', down, { capture: true });
  document.addEventListener('keyup', up, { capture: true });
  return () => {
    document.removeEventListener('keydown', down, { capture: true });
    document.removeEventListener('keyup', up, { capture: true });
  };
}

/** `form`: a field of a dialog, which keeps what is scanned into it; `field`: any other; `page`: none. */
function placeOf(target: EventTarget | null): 'form' | 'field' | 'page' {
  if (!(target instanceof Element) || !target.matches('input, textarea, select')) return 'page';
  if (target instanceof HTMLInputElement && ['checkbox', 'radio', 'button', 'file'].includes(target.type))
    return 'page';
  return target.closest('[role="dialog"]') === null ? 'field' : 'form';
}
