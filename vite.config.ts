import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The screens, built to dist/renderer: local files only, nothing inline, so that the strict policy holds. */
export default defineConfig({
  root: here('src-renderer/station'),
  base: './',
  plugins: [react()],
  resolve: {
    alias: {
      '#shared': here('src-shared'),
      '#renderer': here('src-renderer'),
    },
  },
  build: {
    outDir: here('dist/renderer'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
});
