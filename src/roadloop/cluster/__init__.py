"""Several machines as one: Ray starts processes on its nodes and says what they have; queue and rows stay ours."""
