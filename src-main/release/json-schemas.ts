import { ChipDescription } from '#shared/model/chip.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { z } from 'zod';

/**
 * JSON Schemas (2020-12) for editors, by file name in resources/schemas; `node scripts/schemas.js` writes them.
 * They describe what people write, so defaults are optional.
 */
export function jsonSchemas(): Readonly<Record<string, string>> {
  return {
    'recipe.schema.json': text('Flashline recipe', Recipe),
    'chip.schema.json': text('Flashline chip description', ChipDescription),
  };
}

function text(title: string, schema: z.ZodType): string {
  const { $schema, ...body } = z.toJSONSchema(schema, { io: 'input' });
  return `${JSON.stringify({ $schema, title, ...body }, null, 2)}\n`;
}
