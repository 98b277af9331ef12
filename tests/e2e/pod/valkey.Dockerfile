# Redis with the entry point that the official images have: options go to the server.
FROM redis:7-alpine
ENTRYPOINT ["redis-server"]
