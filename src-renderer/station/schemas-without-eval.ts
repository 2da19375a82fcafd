import { z } from 'zod';

// The page's policy forbids making code from text, which zod would otherwise try for every schema as it is made.
// Imported before anything that makes one.
z.config({ jitless: true });
