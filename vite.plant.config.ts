import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vite';
import station from './vite.config.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The plant's pages, built to dist/plant under the same rules as the station's screens. All of them are one folder deep. */
export default mergeConfig(
  station,
  defineConfig({ root: here('src-renderer/plant'), build: { outDir: here('dist/plant') } }),
);
