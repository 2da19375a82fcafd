import { SCANNER_GAP_MS, ScanDecoder } from './scan-decoder.ts';

/** A character that no other follows within this time is shown as typed, in milliseconds; should it be the head of a code that stuttered, the scan clears it. */
const TYPED_AFTER_MS = SCANNER_GAP_MS + 15;

export interface WedgeListener {
  /** A scanner's code, whatever had the focus. */
  scanned(code: string): void;
  /** Characters typed while no text field had the focus. */
  typed(text: string): void;
  /** Enter after such characters, before they were handed over. */
  entered(text: string): void;
}

/**
 * Listens to the keys of the whole document before anything else does, and tells a scanner from typing. A scanner's keys
 * reach nothing else: no button is pressed by its Enter or by a blank in its code. Returns what stops it.
 */
export function listenToWedge(document: Document, listener: WedgeListener): () => void {
  const wedge = new KeyboardWedge(listener);
  const down = (event: KeyboardEvent): void => wedge.keyDown(event);
  const up = (event: KeyboardEvent): void => wedge.keyUp(event);
  document.addEventListener('keydown', down, { capture: true });
  document.addEventListener('keyup', up, { capture: true });
  return () => {
    document.removeEventListener('keydown', down, { capture: true });
    document.removeEventListener('keyup', up, { capture: true });
    wedge.stop();
  };
}

class KeyboardWedge {
  readonly #listener: WedgeListener;
  readonly #decoder = new ScanDecoder();
  /** Typed while no text field had the focus, not handed over yet. */
  #loose = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Keys whose keydown was taken away; their keyup must not be seen either. */
  readonly #taken = new Set<string>();

  constructor(listener: WedgeListener) {
    this.#listener = listener;
  }

  keyDown(event: KeyboardEvent): void {
    const key = keyOf(event);
    if (key === null || event.altKey || event.metaKey || event.isComposing || event.repeat) return;
    const decoded = this.#decoder.press(key, event.timeStamp);
    if (decoded.kind === 'scan') return this.#scan(event, decoded.code);
    if (decoded.kind === 'character') return this.#character(event, key, decoded.burst);
    if (event.key === 'Enter' && this.#loose !== '') {
      this.#take(event);
      this.#listener.entered(this.#forget());
    }
  }

  keyUp(event: KeyboardEvent): void {
    if (!this.#taken.delete(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  stop(): void {
    this.#forget();
  }

  #scan(event: KeyboardEvent, code: string): void {
    this.#take(event);
    this.#forget();
    this.#listener.scanned(code);
  }

  #character(event: KeyboardEvent, key: string, burst: boolean): void {
    if (isTextField(event.target)) return;
    this.#take(event);
    const pressed = key === ' ' && !burst && this.#loose === '' ? event.target : null;
    if (pressed !== null) return this.#later(() => press(pressed));
    this.#loose += key;
    this.#later(() => this.#listener.typed(this.#forget()));
  }

  /** Until it is known that no further character follows; a further one replaces what was to be done. */
  #later(work: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(work, TYPED_AFTER_MS);
  }

  #take(event: KeyboardEvent): void {
    event.preventDefault();
    event.stopImmediatePropagation();
    this.#taken.add(event.key);
  }

  #forget(): string {
    clearTimeout(this.#timer);
    const loose = this.#loose;
    this.#loose = '';
    return loose;
  }
}

/** GS, which separates the elements of a GS1 code, is on a keyboard Ctrl and ]; with any other key Ctrl is nobody's scan. */
function keyOf({ key, ctrlKey }: KeyboardEvent): string | null {
  if (!ctrlKey) return key;
  return key === ']' ? '\u001d' : null;
}

/** The blank bar on a focused button, after the wait that tells it from a scanner's blank. */
function press(target: EventTarget): void {
  if (target instanceof HTMLElement && target.matches('button, [role="button"], input, summary, a')) target.click();
}

function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && target.type === 'text';
}
