import { argumentsOf } from './arguments.ts';

describe('argumentsOf', () => {
  test.each([
    { words: ['get', 'vms', '-o=json'], are: ['get', 'vms', '-o', 'json'] },
    { words: ['get', '-o=jsonpath={.a}=b'], are: ['get', '-o', 'jsonpath={.a}=b'] },
    { words: ['delete', '--wait=false'], are: ['delete', '--no-wait'] },
    { words: ['delete', '--wait=true', '--ignore-not-found=true'], are: ['delete', '--wait', '--ignore-not-found'] },
    { words: ['get', '--watch=false', '--all-namespaces=true'], are: ['get', '--all-namespaces'] },
    { words: ['get', '--watch=maybe', '--output=json'], are: ['get', '--watch=maybe', '--output=json'] },
    { words: ['get', '--', '-o=json', '--wait=false'], are: ['get', '--', '-o=json', '--wait=false'] },
  ])('$words are $are', ({ words, are }) => {
    expect(argumentsOf(words)).toEqual(are);
  });
});
