/* What daemons do in this example: hold the data, and train a network on it. */
#ifndef TRAIN_H
#define TRAIN_H

#include <miraicore.h>

/* Makes the functions known that tasks call:
     "load_data"  null                                             reads the data, once per daemon
     "train"      {model, optimizer, lr, images, epochs, seed}     a dict, with the trained module
   in it */
mirai_status train_register(void);

/* The network that is trained, as a definition that travels to the daemons. */
mirai_value *train_model(void);

#endif
