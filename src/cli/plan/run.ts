/** `quiver plan`: the formula at once; with --measured, what this machine says, too. */
import type { MeasuredPlan, MeasureOptions } from '../../plan/types.js';
import { planCapacity } from '../../plan/formula.js';
import { READING, withCollection } from '../collection/open.js';
import type { PlanOptions } from '../commands/plan.js';
import type { Context } from '../context.js';
import { withProgress } from '../progress.js';
import { UsageError } from '../usage.js';
import { formulaText, measuredText } from './report.js';

/** Options that mean nothing without --measured. */
const MEASURING = ['sample', 'collection', 'files', 'model', 'type'] as const;

function checkTogether(options: PlanOptions): void {
  const stray = MEASURING.find((name) => options[name] !== undefined);
  if (stray !== undefined && options.measured !== true) {
    throw new UsageError(`--${stray}: expected --measured with it, found none`, '--measured', 'none');
  }
  if (options.collection !== undefined && options.files !== undefined) {
    throw new UsageError('expected --collection or --files, found both', '--collection or --files', 'both');
  }
}

async function measure(context: Context, options: PlanOptions): Promise<MeasuredPlan> {
  const { output, signal } = context;
  const { documents, qps, peak, sample, collection, files, model, type } = options;
  const { planMeasured } = await import('../../plan/measured.js');
  const run = (source: Pick<MeasureOptions, 'collection' | 'files'>): Promise<MeasuredPlan> =>
    withProgress(output, { label: 'measure', unit: 'documents' }, (update) =>
      planMeasured({
        ...{ documents, qps, peak, signal },
        ...source,
        ...(sample !== undefined && { sample }),
        ...(model !== undefined && { model }),
        ...(type !== undefined && { index: { type } }),
        onProgress: ({ done, total }) => update(done, total),
      }),
    );
  if (collection === undefined) return run(files === undefined ? {} : { files });
  return withCollection(context, collection, READING, (opened) => run({ collection: opened }));
}

export async function plan(context: Context, options: PlanOptions): Promise<void> {
  checkTogether(options);
  const { output } = context;
  const { documents, qps, peak } = options;
  const formula = planCapacity({ documents, qps, peak });
  const measured = options.measured === true ? await measure(context, options) : undefined;
  const style = { bold: (text: string) => output.bold(text), dim: (text: string) => output.dim(text) };
  const parts = output.json
    ? []
    : [await formulaText(formula, style), ...(measured === undefined ? [] : [await measuredText(measured, style)])];
  output.result({ formula, ...(measured !== undefined && { measured }) }, () => parts.join('\n\n'));
}
