type Update<T> = (next: T | ((now: T) => T)) => void;
export function useState<T>(first: T | (() => T)): [T, Update<T>];
export function useEffect(run: () => void | (() => void), inputs?: unknown[]): void;
export function useLayoutEffect(run: () => void | (() => void), inputs?: unknown[]): void;
export function useMemo<T>(make: () => T, inputs: unknown[]): T;
export function useRef<T>(first: T): { current: T };
