#!/bin/sh
# As NanoClaw's (CR-30), without the compilation: all of stdin first, then the agent.
set -e
cat > /tmp/input.json
node /app/agent.mjs < /tmp/input.json
