import swagger from '@fastify/swagger';
import { jsonSchemaTransform } from '@fastify/type-provider-zod';
import type { FastifyInstance } from 'fastify';

const BYTES = { type: 'string', contentMediaType: 'application/octet-stream' };

/** The OpenAPI 3.1 document of the interface, made of the same table as the routes: `/openapi.json`. */
export async function describeApi(
  app: FastifyInstance,
  plant: { readonly name: string; readonly version: string },
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: `Flashline plant server of ${plant.name}`,
        version: plant.version,
        description:
          'What stations and people ask of the plant. Every answer that is not 2xx is a refusal: the failure as data, and in words.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: '__Host-flashline',
            description: 'Of a person who signed in. Changes also need Origin.',
          },
          station: { type: 'http', scheme: 'bearer', description: 'Of a station that answered a challenge.' },
        },
      },
    },
    transform: (given) => {
      const { endpoint } = given.route.config ?? {};
      const { schema, url } = jsonSchemaTransform(given);
      if (endpoint?.bytes === 'body') Object.assign(schema, { consumes: ['application/octet-stream'], body: BYTES });
      if (endpoint?.bytes === 'answer')
        Object.assign(schema, {
          response: {
            ...asObject(schema?.response),
            200: { description: 'The bytes', content: { 'application/octet-stream': { schema: BYTES } } },
          },
        });
      return { schema, url };
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
