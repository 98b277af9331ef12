export { Lines } from "./lines"
export { type Band, Timeline } from "./timeline"
