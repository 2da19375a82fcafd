import { COLORS } from '../theme.ts';

/** Flashline's mark, as in the browser's tab. */
export function Mark({ size }: { readonly size: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden>
      <rect width="32" height="32" rx="6" fill={COLORS.text} />
      <path d="M18 4 8 18h7l-1 10 10-14h-7z" fill={COLORS.tile} />
    </svg>
  );
}
