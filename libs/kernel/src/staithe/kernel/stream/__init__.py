"""The one room for Kafka: consuming, transactional moving, publishing, following, and administration."""
