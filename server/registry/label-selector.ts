import type { LabelSelector } from '../../apis/meta/selector.ts';
import { badRequest } from './refusals.ts';

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

const KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const SET = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const COMPARISON = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/;

/** Splits at the commas that are not inside parentheses. */
function requirementsOf(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '(') depth += 1;
    if (text[index] === ')') depth -= 1;
    if (text[index] === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim());
}

function expressionOf(requirement: string): Expression | undefined {
  const set = SET.exec(requirement);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    return { key, operator: operator === 'in' ? 'In' : 'NotIn', values: list.split(',').map((value) => value.trim()) };
  }
  const comparison = COMPARISON.exec(requirement);
  if (comparison !== null) {
    const [, key = '', operator, value = ''] = comparison;
    return { key, operator: operator === '!=' ? 'NotIn' : 'In', values: [value] };
  }
  if (requirement.startsWith('!')) return { key: requirement.slice(1).trim(), operator: 'DoesNotExist' };
  return { key: requirement, operator: 'Exists' };
}

function checked(expression: Expression | undefined, text: string): Expression {
  if (expression !== undefined && KEY.test(expression.key) && (expression.values ?? []).every((value) => VALUE.test(value)))
    return expression;
  throw badRequest(
    `unable to parse requirement in label selector ${JSON.stringify(text)}: use key=value, key!=value, key in (a,b), key notin (a,b), key or !key`,
  );
}

/** What a label selector as a list or watch parameter asks for; ApiError BadRequest where the syntax is wrong. */
export function parseLabelSelector(text: string): Expression[] {
  if (text.trim() === '') return [];
  return requirementsOf(text).map((requirement) => checked(expressionOf(requirement), text));
}
