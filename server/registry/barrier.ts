/**
 * Shares one slow question among all who ask it at the same time. Whoever asks gets an answer to a question that was put after they asked:
 * those who come while one is under way share the next one.
 */
export function createBarrier<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let running: Promise<unknown> | undefined;
  let next: Promise<Answer> | undefined;

  async function takeTurn(): Promise<Answer> {
    // One turn of the microtask queue lets everybody who asks in this tick share the question.
    await (running ?? Promise.resolve());
    next = undefined;
    const answer = ask();
    running = answer.catch(() => undefined);
    return answer;
  }

  return () => (next ??= takeTurn());
}
