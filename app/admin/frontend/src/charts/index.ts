export { Lines, type Series } from "./lines"
export { type Band, Timeline } from "./timeline"
