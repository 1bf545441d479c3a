/** Whether the server lives, whether it can answer, and how well it does. The first two need no key: balancers ask them. */
import type { FastifyInstance } from 'fastify';
import { failureOf } from '../failure.js';
import type { ApiSettings } from '../options.js';

export interface Draining {
  draining: boolean;
}

const OPEN = { config: { open: true, rateLimit: false as const } };

export function healthRoutes(app: FastifyInstance, { engine }: ApiSettings, state: Draining): void {
  app.get('/api/health/live', { ...OPEN, schema: { summary: 'The process answers', tags: ['operation'] } }, () => ({
    status: 'ok',
  }));

  app.get(
    '/api/health/ready',
    { ...OPEN, schema: { summary: 'Questions can be answered: 200, else 503', tags: ['operation'] } },
    async (_request, reply) => {
      if (state.draining) return reply.code(503).send({ status: 'draining' });
      try {
        await engine.ready();
        return { status: 'ok' };
      } catch (error) {
        return reply.code(503).send({ status: 'not ready', ...failureOf(error).body });
      }
    },
  );

  app.get('/api/health', { schema: { summary: 'Health score and service levels', tags: ['operation'] } }, async () => {
    const { health, sla, uptime, recommendations } = await engine.monitor.report();
    return { status: state.draining ? 'draining' : 'ok', ...health, uptime, sla, recommendations };
  });

  app.get('/api/performance', { schema: { summary: 'All that is measured', tags: ['operation'] } }, () =>
    engine.report(),
  );
}
