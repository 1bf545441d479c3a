/** The API as a Fastify plugin: `app.register(quiver, { engine, prefix: '/docs' })`. It keeps to itself: no hook of it reaches other routes. */
import ajvCompiler from '@fastify/ajv-compiler';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { keyChecker, localChecker } from './access.js';
import { HttpError, sendFailure } from './failure.js';
import { checkApiOptions, type ApiOptions, type ApiSettings } from './options.js';
import { documentRoutes } from './routes/documents.js';
import { healthRoutes, type Draining } from './routes/health.js';
import { metricsRoutes } from './routes/metrics.js';
import { pageRoutes } from './routes/page.js';
import { queryRoutes } from './routes/query.js';
import { packageVersion } from './version.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a key. */
    open?: boolean;
  }
}

/** The page needs its own scripts and styles alone. Charts set styles by script, which CSP lets be. */
const CONTENT_SECURITY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/** Whatever the application around it wants: an option that there is none of is an error here, and never just left out. */
const VALIDATION = { removeAdditional: false, coerceTypes: 'array', useDefaults: true, allErrors: false } as const;

async function guards(app: FastifyInstance, { apiKeys, cors: origins, rateLimit: most }: ApiSettings): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: CONTENT_SECURITY,
    // Whether there is TLS is for whoever puts it in front to say.
    strictTransportSecurity: false,
  });
  if (origins.length > 0) await app.register(cors, { origin: [...origins], methods: ['GET', 'POST', 'DELETE'] });
  const check = apiKeys.length > 0 ? keyChecker(apiKeys) : localChecker(origins);
  // Before the body is read: nobody without a key makes us take in a byte of it.
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      if (apiKeys.length === 0 || request.routeOptions.config.open !== true) check(request);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  if (most === false) return;
  await app.register(rateLimit, {
    max: most,
    timeWindow: '1 minute',
    keyGenerator: ({ headers, ip }: FastifyRequest) => headers.authorization ?? headers['x-api-key']?.toString() ?? ip,
    errorResponseBuilder: (_request, { max, ttl }) =>
      new HttpError(429, 'E_RATE', `More than ${max} requests a minute. Try again in ${Math.ceil(ttl / 1000)} s.`),
  });
}

async function describe(app: FastifyInstance, { apiKeys }: ApiSettings): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Quiver',
        description: 'Questions to documents, and answers with their sources',
        version: packageVersion(),
      },
      tags: [{ name: 'questions' }, { name: 'documents' }, { name: 'operation' }],
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      ...(apiKeys.length > 0 && { security: [{ key: [] }] }),
    },
  });
}

/** Errors: E_ARGUMENT, E_RANGE. */
export const quiver: FastifyPluginAsync<ApiOptions> = async (app, options) => {
  const settings = checkApiOptions(options);
  const state: Draining = { draining: false };
  app.addHook('preClose', (done) => {
    state.draining = true;
    done();
  });
  app.setErrorHandler(sendFailure);
  app.setValidatorCompiler(ajvCompiler()({}, { customOptions: VALIDATION }));
  await guards(app, settings);
  await describe(app, settings);
  queryRoutes(app, settings);
  await documentRoutes(app, settings);
  healthRoutes(app, settings, state);
  metricsRoutes(app, settings);
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger());
  if (settings.page) await pageRoutes(app);
};
