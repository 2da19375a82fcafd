import { useMemo } from 'react';
import { code128, QUIET_MODULES } from './code128.ts';

interface BarcodeProps {
  readonly text: string;
  /** CSS length. */
  readonly height: string;
}

/** A barcode that a scanner reads off the screen: black on white, quiet zones included, edges on whole pixels. */
export function Barcode({ text, height }: BarcodeProps) {
  const { path, width } = useMemo(() => draw(text), [text]);
  return (
    <svg
      role="img"
      aria-label={text}
      viewBox={`0 0 ${width} 10`}
      preserveAspectRatio="none"
      shapeRendering="crispEdges"
      style={{
        display: 'block',
        margin: '0 auto',
        width: `calc(${width} * var(--module))`,
        height,
        background: '#fff',
      }}
    >
      <path d={path} fill="#000" />
    </svg>
  );
}

function draw(text: string): { path: string; width: number } {
  let at = QUIET_MODULES;
  let path = '';
  for (const [index, width] of code128(text).entries()) {
    if (index % 2 === 0) path += `M${at} 0h${width}v10h-${width}z`;
    at += width;
  }
  return { path, width: at + QUIET_MODULES };
}
