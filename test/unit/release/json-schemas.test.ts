import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { jsonSchemas } from '#main/release/json-schemas.ts';

describe('the JSON Schemas for editors', () => {
  test.each(Object.entries(jsonSchemas()))('%s is current (node scripts/schemas.js writes it)', (name, text) => {
    expect(readFileSync(new URL(`../../../resources/schemas/${name}`, import.meta.url), 'utf8')).toBe(text);
  });

  test('describe what people write: defaults may be left out, unknown keys of a recipe may not stand there', () => {
    const { 'chip.schema.json': chip, 'recipe.schema.json': recipe } = jsonSchemas();
    expect(JSON.parse(chip ?? '')).toMatchObject({
      properties: { identity: { properties: { checks: { items: { required: ['register', 'address', 'value'] } } } } },
    });
    expect(JSON.parse(recipe ?? '')).toMatchObject({
      additionalProperties: false,
      properties: { images: { items: { required: ['role', 'file', 'version'], additionalProperties: false } } },
    });
  });
});
