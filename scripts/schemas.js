// Writes the JSON Schemas of recipe.yaml and chip descriptions into resources/schemas, for editors.
//   node scripts/schemas.js
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { jsonSchemas } from '../src-main/release/json-schemas.ts';

const folder = new URL('../resources/schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(jsonSchemas())) {
  const file = new URL(name, folder);
  writeFileSync(file, text);
  console.log(fileURLToPath(file));
}
