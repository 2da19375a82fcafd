import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';
import { listenToWedge } from '../parts/keyboard-wedge.ts';

export interface SearchKeys {
  readonly field: RefObject<HTMLInputElement | null>;
  readonly text: string;
  readonly setText: (text: string) => void;
  readonly enter: () => void;
}

interface SearchActions {
  search(text: string): void;
  /** By so many lines, down or (negative) up. */
  move(by: number): void;
  back(): void;
}

const MOVES: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

/** A search page's keyboard: a scan searches wherever the focus is, arrows choose, Esc clears and then leads back. */
export function useSearchKeys(actions: SearchActions): SearchKeys {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const latest = useRef({ text, actions });
  useLayoutEffect(() => {
    latest.current = { text, actions };
  });
  const take = (code: string): void => {
    setText('');
    field.current?.blur();
    latest.current.actions.search(code.trim());
  };

  useEffect(() => {
    const took = (code: string): void => {
      setText('');
      field.current?.blur();
      latest.current.actions.search(code.slice(0, 256).trim());
    };
    return listenToWedge(document, {
      scanned: took,
      typed: (typed) => {
        setText((before) => before + typed);
        field.current?.focus();
      },
      entered: (typed) => took(latest.current.text + typed),
    });
  }, []);

  useEffect(() => {
    const down = (event: KeyboardEvent): void => {
      const move = MOVES[event.key];
      if (move !== undefined && !isScrolled(event.target)) {
        event.preventDefault();
        latest.current.actions.move(move);
      }
      if (event.key !== 'Escape') return;
      if (latest.current.text === '') latest.current.actions.back();
      else setText('');
    };
    document.addEventListener('keydown', down);
    return () => document.removeEventListener('keydown', down);
  }, []);

  return { field, text, setText, enter: () => take(text) };
}

/** The details scroll by the same keys while they have the focus. */
function isScrolled(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.dataset['part'] === 'record';
}
