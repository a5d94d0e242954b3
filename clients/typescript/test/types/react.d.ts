// The functions of React that the adapter uses. React's own types are not a dependency of this folder.

declare module 'react' {
  export function useEffect(effect: () => (() => void) | void, deps?: readonly unknown[]): void;
  export function useReducer<S, A>(reducer: (state: S, action: A) => S, initial: S): [S, (action: A) => void];
}
