import type { CDPSession, Page } from 'playwright-core';

/** Keys of a keyboard-wedge scanner come this far apart, in milliseconds. */
const SCANNER_MS = 12;

/** A person's keys: hurried, yet well apart. */
const TYPING_MS = 90;

/** Keys as the browser gets them from a keyboard: with the time at which each was pressed, whatever this test's own speed. */
export class Keyboard {
  readonly #session: CDPSession;
  constructor(session: CDPSession) {
    this.#session = session;
  }

  static async of(page: Page): Promise<Keyboard> {
    return new Keyboard(await page.context().newCDPSession(page));
  }

  async scan(code: string, terminator: 'Enter' | 'Tab' = 'Enter'): Promise<void> {
    await this.#send([...Array.from(code), terminator], SCANNER_MS);
  }

  async type(text: string): Promise<void> {
    for (const key of text) {
      await this.#send([key], TYPING_MS);
      await new Promise((resolve) => {
        setTimeout(resolve, TYPING_MS);
      });
    }
  }

  async press(key: string): Promise<void> {
    await this.#send([key], TYPING_MS);
  }

  async #send(keys: readonly string[], gapMs: number): Promise<void> {
    const start = Date.now();
    await Promise.all(
      keys.flatMap((key, index) => {
        const at = (start + index * gapMs) / 1000;
        const common = { key, code: codeOf(key), windowsVirtualKeyCode: virtualKeyOf(key) };
        const text = textOf(key);
        const down = { type: 'keyDown' as const, timestamp: at, ...common, ...(text === null ? {} : { text }) };
        return [
          this.#session.send('Input.dispatchKeyEvent', down),
          this.#session.send('Input.dispatchKeyEvent', { type: 'keyUp', timestamp: at + 0.004, ...common }),
        ];
      }),
    );
  }
}

function textOf(key: string): string | null {
  if (key === 'Enter') return '\r';
  return key.length === 1 ? key : null;
}

function codeOf(key: string): string {
  if (key === ' ') return 'Space';
  if (/^[A-Z]$/i.test(key)) return `Key${key.toUpperCase()}`;
  return /^\d$/.test(key) ? `Digit${key}` : key;
}

const VIRTUAL_KEYS: Readonly<Record<string, number>> = { Enter: 13, Tab: 9, Escape: 27 };

function virtualKeyOf(key: string): number {
  return VIRTUAL_KEYS[key] ?? key.toUpperCase().charCodeAt(0);
}
